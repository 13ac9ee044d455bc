#!/bin/bash
# Ask the local mirror (on loopback port $1) which versions of the dependencies it has.
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /dependencies HTTP/1.0\r\n\r\n' >&3
while read -r line; do
    echo "$line"
done <&3

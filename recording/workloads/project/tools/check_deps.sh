#!/bin/bash
# Ask the local mirror (on loopback port $1) which version of the only dependency it has.
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET /libround HTTP/1.0\r\n\r\n' >&3
read -r answer <&3
echo "$answer"

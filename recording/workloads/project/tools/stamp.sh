#!/bin/sh
# Note which commit is being built.
git rev-parse --short HEAD > build/VERSION

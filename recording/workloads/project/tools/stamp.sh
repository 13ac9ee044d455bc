#!/bin/sh
# Note which commit is being built.
git rev-parse HEAD > build/VERSION

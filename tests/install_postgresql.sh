#!/bin/sh
# Installs PostgreSQL's server from the system's packages where that needs no password; else says how. Never fails: the tests of a PostgreSQL
# store then skip. The tests start a server of their own, so no cluster of the system's is made.
for name in initdb /usr/lib/postgresql/*/bin/initdb; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if command -v apt-get >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then sudo=""; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else sudo="none"; fi
  if [ "$sudo" != none ]; then
    echo "Installing PostgreSQL for the tests of the vote store ..."
    none=/etc/postgresql-common/createcluster.d/nl2sql-arena-tests.conf
    $sudo mkdir -p "${none%/*}"
    echo "create_main_cluster = false" | $sudo tee "$none" >/dev/null
    $sudo timeout 120 apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive $sudo timeout 300 apt-get install -y -qq postgresql >/dev/null 2>&1
    done=$?
    $sudo rm -f "$none"
    [ "$done" = 0 ] && exit 0
  fi
fi
echo "PostgreSQL was not found, so its tests will be skipped; install it with: sudo apt install postgresql"
exit 0

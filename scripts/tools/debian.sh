#!/usr/bin/env bash
# The tools of Debian that the tests use, where they are missing: installed by apt-get when this runs as root, and otherwise named. Promtool
# comes out of Debian's package of Prometheus into ~/.cache/hawser/tools (or below XDG_CACHE_HOME); the server in that package is
# neither installed nor started. Quick, and without the network, when all is there.
set -euo pipefail

# command:package, or file:package
tools=(
  qemu-aarch64-static:qemu-user-static
  debootstrap:debootstrap
  lintian:lintian
  fakeroot:fakeroot
  skopeo:skopeo
  umoci:umoci
  systemd-analyze:systemd
  /usr/aarch64-linux-gnu/lib/libstdc++.so.6:libstdc++6-arm64-cross
)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/hawser/tools"
# Some of these commands are the administrator's.
export PATH="$PATH:/usr/sbin:/sbin"

say() { echo "tools: $*"; }

missing=()
for tool in "${tools[@]}"; do
  command -v "${tool%%:*}" >/dev/null || [ -e "${tool%%:*}" ] || missing+=("${tool#*:}")
done
has_promtool=yes
command -v promtool >/dev/null || [ -x "$cache/promtool" ] || has_promtool=no

if [ ${#missing[@]} -eq 0 ] && [ $has_promtool = yes ]; then
  say 'all there'
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  say "this is no Debian: tests that need ${missing[*]-} or promtool say so"
  exit 0
fi

# Lists of packages may be missing altogether, as in a container, or name versions that the mirror has no more.
updated=no
update() {
  [ $updated = no ] || return 0
  apt-get update -qq
  updated=yes
}

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    say "installing ${missing[*]}"
    update
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "missing: apt-get install ${missing[*]}   (as root)"
  fi
fi

if [ $has_promtool = no ]; then
  say "fetching promtool into $cache"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  # apt-get downloads as a user of its own, which has to be able to write here.
  chmod 755 "$work"
  if [ "$(id -u)" = 0 ]; then chown _apt "$work" 2>/dev/null || true; fi
  if ! (cd "$work" && apt-get download -qq prometheus); then
    if [ "$(id -u)" != 0 ]; then
      say 'promtool cannot be fetched: apt-get update as root, then this again'
      exit 0
    fi
    update
    (cd "$work" && apt-get download -qq prometheus)
  fi
  dpkg-deb -x "$work"/prometheus_*.deb "$work/files"
  mkdir -p "$cache"
  # In one step, as several may do this at once.
  cp "$work/files/usr/bin/promtool" "$cache/promtool.$$"
  mv "$cache/promtool.$$" "$cache/promtool"
fi
say 'done'

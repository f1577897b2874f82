#!/bin/sh
# Chromium and a Chinese font for the browser checks, from the distribution. Repeating it does nothing.
set -eu
font() { fc-list 2>/dev/null | grep -q 'Noto Sans CJK SC'; }
if command -v chromium >/dev/null 2>&1 && font; then exit 0; fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "请安装 chromium 与 Noto Sans CJK / install chromium and Noto Sans CJK" >&2
  exit 1
fi
as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
{ $as_root apt-get -q update && $as_root apt-get install -q -y --no-install-recommends chromium fontconfig fonts-noto-cjk; } \
  >"$log" 2>&1 || { cat "$log" >&2; exit 1; }

#!/bin/sh
# For /etc/letsencrypt/renewal-hooks/deploy/: certbot runs it after each renewal. It gives the server a copy that it may
# read, and has it taken without ending a connection. A certificate that is wrong is refused there, and the old one stays.
set -eu
to=/etc/chat-server/tls
install -d -m 750 -o root -g chat-server "$to"
for file in fullchain.pem privkey.pem; do
  install -m 640 -o root -g chat-server "$RENEWED_LINEAGE/$file" "$to/$file.new"
  mv "$to/$file.new" "$to/$file"
done
# Also one that had not started because its certificate had expired.
if systemctl is-enabled --quiet chat-server; then
  systemctl reload-or-restart chat-server
fi

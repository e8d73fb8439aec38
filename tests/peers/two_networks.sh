# A node inside the rules of its own firewall, and another network with its site and people: tests/stories/flows.rs.
# two_networks.sh LUCARNE FOLDER: begins both, says what passes once FOLDER/shown is there, and ends. Inside `unshare -rnm`.
set -eu
lucarne=$1 folder=$2 site= node=
mount -t tmpfs tmpfs /run && mkdir /run/netns
mkdir -p /tmp/.X11-unix && mount -t tmpfs tmpfs /tmp/.X11-unix
ip netns add other
ip link add here type veth peer name there netns other
ip link set lo up && ip addr add 10.77.0.1/24 dev here && ip link set here up
other() { nsenter --net=/run/netns/other "$@"; }
other ip link set lo up
other ip addr add 10.77.0.2/24 dev there && other ip addr add 10.77.0.200/24 dev there && other ip link set there up
finish() {
    set +e
    for program in $node $site; do kill "$program"; done 2>/dev/null
    wait
}
trap finish EXIT
# Without the function, whose shell would be killed in its place.
nsenter --net=/run/netns/other Xtigervnc ":$((200 + $$ % 9000))" -geometry 640x480 -rfbport 5901 -SecurityTypes None >"$folder/site.log" 2>&1 &
site=$!
until other bash -c 'exec 3<>/dev/tcp/10.77.0.2/5901' 2>/dev/null; do kill -0 $site; sleep 0.1; done
# What the rules drop is counted.
"$lucarne" policy flows --nftables --user root | sed 's/^        drop$/        counter drop/' >"$folder/rules"
nft -f "$folder/rules"
"$lucarne" serve >"$folder/serve.log" 2>&1 &
node=$!
until [ -e "$folder/shown" ]; do kill -0 $node; sleep 0.1; done
# Who is answered: what comes from FROM to PORT of the node.
knock='
import socket, sys
try:
    s = socket.create_connection((sys.argv[2], int(sys.argv[3])), 2, (sys.argv[1], 0))
    print(s.recv(12).decode().strip())
except (TimeoutError, socket.timeout):
    print("silence")
except ConnectionRefusedError:
    print("refused")'
dropped() { nft list ruleset | sed -n 's/.*counter packets \([0-9]*\) .*drop.*/\1/p'; }
echo "people: $(other python3 -c "$knock" 10.77.0.2 10.77.0.1 5920)"
echo "strangers: $(other python3 -c "$knock" 10.77.0.200 10.77.0.1 5920)"
echo "metrics: $(other python3 -c "$knock" 10.77.0.2 10.77.0.1 9620)"
echo "dropped: $(dropped)"
echo "elsewhere: $(python3 -c "$knock" 10.77.0.1 10.77.0.2 7777)"
[ "$(dropped)" -gt 0 ] && echo "and counted"

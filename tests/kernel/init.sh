#!/bin/busybox sh
# The guest's first and only process: loads the modules, then takes orders.
#
# An order is one line, a shell script in base64; the answer is one line, its status and its output, in base64.

/bin/busybox mkdir -p /proc /sys /dev /tmp /run /sbin /usr/bin /usr/sbin
PATH=/bin:/busybox
/bin/busybox mkdir /busybox && /bin/busybox --install -s /busybox
export PATH
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ln -s /proc/self/fd/0 /dev/stdin
while read -r module; do insmod "/modules/$module"; done </modules/order
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
ip link set lo up

set -- /dev/vport*
exec 3<>"$1"
while :; do
	# Nothing can be read before QEMU has told the port that somebody is at its other end.
	read -r order <&3 || { usleep 10000; continue; }
	output=$(echo "$order" | base64 -d | sh -e 2>&1 3>&-)
	status=$?
	echo "$status $(printf %s "$output" | base64 -w0)" >&3
done

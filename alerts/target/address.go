package target

import "net"

// ThisMachine reports whether a host's name is this machine's own, over which nothing has to be
// encrypted.
func ThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

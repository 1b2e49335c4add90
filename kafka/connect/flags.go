package connect

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Flags are on the command line of every command that talks to Kafka.
type Flags struct {
	Brokers    string // host:port,…
	Connection string // path of a connection file; "" is plain
}

// Check returns the brokers. The error lists everything that is wrong with them
// and with the connection file.
func (f *Flags) Check() (brokers []string, err error) {
	var errs []error
	for _, b := range strings.Split(f.Brokers, ",") {
		if b = strings.TrimSpace(b); b == "" {
			continue
		}
		host, port, err := net.SplitHostPort(b)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || n == 0 {
			errs = append(errs, fmt.Errorf("--brokers: %q is not host:port", b))
		}
		brokers = append(brokers, b)
	}
	if len(brokers) == 0 {
		errs = append(errs, errors.New("--brokers is missing"))
	}
	return brokers, errors.Join(append(errs, Check(f.Connection))...)
}

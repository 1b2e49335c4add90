package connect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

func TestWhatCanBeDoneAboutAnErrorIsAdded(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		refused bool
		want    string // "" leaves the error alone
	}{
		{"none", nil, false, ""},
		{"a wrong password", kafka.SASLAuthenticationFailed, true, "the password is wrong: compare what c.yaml names"},
		{"an unknown mechanism", kafka.UnsupportedSASLMechanism, true, "does not take the mechanism in c.yaml"},
		{"a port without users", kafka.IllegalSASLState, true, "leave the user out of c.yaml"},
		{"an unknown authority", x509.UnknownAuthorityError{}, true, "name the right one as ca_file in c.yaml"},
		{"another host", x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}, true, "advertised.listeners"},
		{"an expired certificate", x509.CertificateInvalidError{Reason: x509.Expired}, true, "needs another certificate"},
		{"a client's certificate", &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, true, "see cert_file and key_file in c.yaml"},
		{"a port without TLS", tls.RecordHeaderError{}, false, "has no TLS"},
		{"a forbidden topic", kafka.TopicAuthorizationFailed, false, "publishing needs Write, creating it Create, reading Read and DescribeConfigs"},
		{"a topic out of sight", kafka.UnknownTopicOrPartition, false, "the user may not see it"},
		{"a forbidden creation", kafka.ClusterAuthorizationFailed, false, "creating a topic needs Create"},
		{"a hang-up", io.EOF, false, "expects TLS or a user and the other does not: see c.yaml"},
		{"the network", &net.OpError{Op: "dial", Err: errors.New("connection refused")}, false, ""},
		{"the file itself", &FileError{fmt.Errorf("c.yaml:1: %w", io.ErrUnexpectedEOF)}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.err
			if err != nil {
				err = fmt.Errorf("ask: %w", err)
			}
			if got := Refused(err); got != c.refused {
				t.Errorf("refused is %v", got)
			}
			got := Explain(err, "c.yaml", false)
			if c.want == "" {
				if got != err {
					t.Errorf("it became %v", got)
				}
				return
			}
			if !errors.Is(got, c.err) && got.Error() == err.Error() || !strings.HasPrefix(got.Error(), err.Error()) || !strings.Contains(got.Error(), c.want) {
				t.Errorf("it became %v", got)
			}
		})
	}
	if got := Explain(io.EOF, "", false).Error(); !strings.Contains(got, "--connection, which is not given") {
		t.Error(got)
	}
	if got := Explain(io.EOF, "", true); got != io.EOF {
		t.Error("brokers that end are suspected:", got)
	}
}

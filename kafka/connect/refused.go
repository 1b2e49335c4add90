package connect

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/segmentio/kafka-go"
)

// Refused reports that brokers and program would not have each other: the
// certificate of either, or the user, password or mechanism. Who was never let
// in need not try again. Who was, may be right in the middle of a change of
// certificates or passwords: that passes.
func Refused(err error) bool {
	return certificate(err) || errors.Is(err, kafka.SASLAuthenticationFailed) ||
		errors.Is(err, kafka.UnsupportedSASLMechanism) || errors.Is(err, kafka.IllegalSASLState)
}

func certificate(err error) bool {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || alert(err)
}

// alert reports that a broker has broken off the handshake and said so.
func alert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" // crypto/tls keeps the type of what is in it
}

// Explain adds to the error of a request what to do about it, if that can be
// told. path is the connection file's, "" for none. answered says that brokers
// have answered before: then they hang up because they end.
func Explain(err error, path string, answered bool) error {
	if answered && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		return err
	}
	if advice := advice(err, path); advice != "" {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

func advice(err error, path string) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
	)
	if _, bad := errors.AsType[*FileError](err); bad {
		return ""
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, kafka.SASLAuthenticationFailed):
		return "the user is unknown or the password is wrong: compare what " + path + " names with the brokers' users"
	case errors.Is(err, kafka.UnsupportedSASLMechanism):
		return "this port of the brokers does not take the mechanism in " + path
	case errors.Is(err, kafka.IllegalSASLState):
		return "this port of the brokers takes no users: use another, or leave the user out of " + path
	case errors.As(err, &authority):
		return "the broker's certificate comes from an authority that is not trusted: name the right one as ca_file in " + path
	case errors.As(err, &host):
		return "the broker's certificate is for other names: use one of them in --brokers and in the brokers' advertised.listeners, or have a certificate made for this one"
	case errors.As(err, &invalid):
		return "the broker needs another certificate"
	case alert(err):
		return "the broker demands a client's certificate, or does not take this one: see cert_file and key_file in " + named(path)
	case errors.As(err, &header):
		return "this port of the brokers has no TLS"
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return "the user lacks a permission on the topic: publishing needs Write, creating it Create, reading Read and DescribeConfigs"
	case errors.Is(err, kafka.ClusterAuthorizationFailed):
		return "the user lacks a permission: creating a topic needs Create, on the topic or the cluster"
	case errors.Is(err, kafka.UnknownTopicOrPartition) && path != "":
		return "it does not exist, or the user may not see it: publishing needs Write, reading Read and DescribeConfigs"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "brokers hang up like this where one side expects TLS or a user and the other does not: see " + named(path)
	}
	return ""
}

func named(path string) string {
	if path == "" {
		return "--connection, which is not given"
	}
	return path
}

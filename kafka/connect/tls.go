package connect

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// ClientTLS is the TLS of a client. Files in PEM hold the authorities that it trusts, "": those of
// this machine, and its own certificate with the key, "": none. wrong is told what is wrong with
// which of them: ca_file or cert_file.
func ClientTLS(ca, cert, key string, wrong func(field string, err error)) *tls.Config {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != "" {
		conf.RootCAs = x509.NewCertPool()
		if pem, err := os.ReadFile(ca); err != nil {
			wrong("ca_file", err)
		} else if !conf.RootCAs.AppendCertsFromPEM(pem) {
			wrong("ca_file", fmt.Errorf("there is no certificate in %s", ca))
		}
	}
	if cert != "" && key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			wrong("cert_file", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf
}

package hdfsfs

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/colinmarc/hdfs/v2"
	"github.com/colinmarc/hdfs/v2/hadoopconf"
	krb "github.com/jcmturner/gokrb5/v8/client"
	krbconfig "github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// Kerberos says who to be. Secrets are named by their files only.
type Kerberos struct {
	On                bool
	Config            string // krb5.conf
	Keytab            string // file; "": the ticket cache
	Principal         string // user@REALM, of the keytab
	Cache             string // ticket cache, a file
	NamenodePrincipal string // nn/_HOST, without a realm
}

func kerberosFromEnvironment(conf hadoopconf.HadoopConf) (Kerberos, error) {
	k := Kerberos{
		Config: os.Getenv("KRB5_CONFIG"), Keytab: os.Getenv("FRAMEBEAM_HDFS_KEYTAB"),
		Principal: os.Getenv("FRAMEBEAM_HDFS_PRINCIPAL"), NamenodePrincipal: os.Getenv("FRAMEBEAM_HDFS_NAMENODE_PRINCIPAL"),
	}
	k.On = k.Keytab != "" || strings.EqualFold(conf["hadoop.security.authentication"], "kerberos")
	if !k.On {
		return Kerberos{}, nil
	}
	if k.Config == "" {
		k.Config = "/etc/krb5.conf"
	}
	if k.NamenodePrincipal == "" {
		k.NamenodePrincipal = conf["dfs.namenode.kerberos.principal"]
	}
	k.NamenodePrincipal, _, _ = strings.Cut(k.NamenodePrincipal, "@")
	var errs []error
	if k.NamenodePrincipal == "" {
		errs = append(errs, errors.New("Kerberos needs FRAMEBEAM_HDFS_NAMENODE_PRINCIPAL or dfs.namenode.kerberos.principal"))
	}
	if k.Keytab == "" {
		var kind string
		k.Cache = os.Getenv("KRB5CCNAME")
		if before, after, ok := strings.Cut(k.Cache, ":"); ok {
			kind, k.Cache = before, after
		}
		if kind != "" && kind != "FILE" {
			errs = append(errs, fmt.Errorf("KRB5CCNAME=%s: only files are understood", os.Getenv("KRB5CCNAME")))
		}
		if k.Cache == "" {
			k.Cache = fmt.Sprintf("/tmp/krb5cc_%d", os.Getuid())
		}
	} else if user, realm, _ := strings.Cut(k.Principal, "@"); user == "" || realm == "" {
		errs = append(errs, fmt.Errorf("FRAMEBEAM_HDFS_PRINCIPAL=%s: FRAMEBEAM_HDFS_KEYTAB needs the user@REALM that it is for", k.Principal))
	}
	return k, errors.Join(errs...)
}

// cipherSuites is the property that lets a DataNode and its clients use AES.
const cipherSuites = "dfs.encrypt.data.transfer.cipher.suites"

// canProtect refuses what the library gets wrong: its readers of data that is
// protected by DIGEST-MD5 (integrity, and privacy without AES) return a wrong
// number of bytes when a read crosses the border of two messages.
func (c *Config) canProtect(level string) error {
	if level == hdfs.DataTransferProtectionIntegrity ||
		level == hdfs.DataTransferProtectionPrivacy && !strings.Contains(c.Hadoop[cipherSuites], "AES") {
		return fmt.Errorf("data cannot be protected with %s: set dfs.data.transfer.protection to authentication, or to privacy with %s=AES/CTR/NoPadding, in the Hadoop configuration of the DataNodes and of this client",
			level, cipherSuites)
	}
	return nil
}

// login reads the files and gets a ticket.
func (k *Kerberos) login() (*krb.Client, error) {
	conf, err := krbconfig.Load(k.Config)
	if err != nil {
		return nil, &loginError{fmt.Errorf("Kerberos configuration %s: %w", k.Config, err)}
	}
	if k.Keytab == "" {
		cache, err := credentials.LoadCCache(k.Cache)
		if err != nil {
			return nil, &loginError{fmt.Errorf("ticket cache %s: %w", k.Cache, err)}
		}
		c, err := krb.NewFromCCache(cache, conf, krb.DisablePAFXFAST(true))
		if err == nil {
			err = c.Login()
		}
		if err != nil {
			return nil, &loginError{fmt.Errorf("ticket cache %s holds no ticket that is valid still (kinit gets one): %w", k.Cache, err)}
		}
		return c, nil
	}
	kt, err := keytab.Load(k.Keytab)
	if err != nil {
		return nil, &loginError{fmt.Errorf("keytab %s: %w", k.Keytab, err)}
	}
	user, realm, _ := strings.Cut(k.Principal, "@")
	c := krb.NewWithKeytab(user, realm, kt, conf, krb.DisablePAFXFAST(true))
	if err := c.Login(); err != nil {
		return nil, &loginError{fmt.Errorf("log %s in with keytab %s: %w", k.Principal, k.Keytab, err)}
	}
	return c, nil
}

// loginError is a login that failed. It may pass only if it was the network.
// It wraps nothing: that a keytab is missing must not look as if a file on HDFS were.
type loginError struct{ error }

func (e *loginError) transient() bool { return strings.Contains(e.Error(), "Networking_Error") }

// Package hdfsfs is hdfs:// as a Beam filesystem, on github.com/colinmarc/hdfs.
// Importing it registers the scheme.
//
// Paths are hdfs://host:port/path, hdfs://host/path (port 8020),
// hdfs://nameservice/path with the NameNodes of that name in the Hadoop
// configuration, and hdfs:///path for its fs.defaultFS.
//
// # Configuration
//
// It comes from the environment of every process, for workers are other
// processes on other machines, started by an engine:
//
//	HADOOP_CONF_DIR                  folder of core-site.xml and hdfs-site.xml (else $HADOOP_HOME/etc/hadoop)
//	HADOOP_USER_NAME                 the user without Kerberos (default: that of the process)
//	FRAMEBEAM_HDFS_REPLICATION       copies of a block (default: the NameNode's default)
//	FRAMEBEAM_HDFS_BLOCK_SIZE        bytes of a block, a multiple of 512 (default: the NameNode's default)
//	FRAMEBEAM_HDFS_CLIENTS           connections to the NameNode, at most (default 4)
//	FRAMEBEAM_HDFS_TIMEOUT           how long a connection may stand still (default 60s)
//	FRAMEBEAM_HDFS_PATIENCE          how long what may pass is tried again (default 12m)
//	KRB5_CONFIG                      Kerberos configuration (default /etc/krb5.conf)
//	KRB5CCNAME                       ticket cache, a file (default /tmp/krb5cc_<uid>), kept fresh by someone else
//	FRAMEBEAM_HDFS_KEYTAB            keytab file, instead of a ticket cache
//	FRAMEBEAM_HDFS_PRINCIPAL         user@REALM of the keytab
//	FRAMEBEAM_HDFS_NAMENODE_PRINCIPAL  such as nn/_HOST (default: dfs.namenode.kerberos.principal)
//	FRAMEBEAM_HDFS_PROTECTION        authentication, integrity or privacy of the data
//	                                 (default: dfs.data.transfer.protection)
//
// Kerberos is used when hadoop.security.authentication says so or a keytab is
// given. Keytab and ticket cache are read again for every connection to a
// NameNode, and no connection to one is used for longer than an hour then: so
// tickets never end in use.
//
// # What it makes of the client
//
// The client has no recovery of a broken write pipeline: the file is removed and
// the error says, by a method Transient() bool, that the caller should write it
// anew. A DataNode that has just died is handed out again until the NameNode
// takes it for dead, ten and a half minutes with Hadoop's defaults, hence the
// default patience; dfs.namenode.avoid.write.stale.datanode=true makes it 30
// seconds. Everything else is tried again here: a NameNode that restarts, fails
// over or is in safe mode, a reader's broken connection.
//
// A rename whose answer was lost is told from one that failed by the file's
// inode. A client whose connection broke is replaced, because the library would
// wait five seconds before it asked the same NameNode again, and could take a
// late answer for the next one.
//
// Of the library's reads only small ones are compared with their checksums, and a
// stream that has skipped goes on in the wrong place on another DataNode; so it
// is read in small pieces and never skips.
//
// # Speed
//
// Against the bare library in the same run, on two cores that the servers share
// (BenchmarkOneLargeFile, BenchmarkSmallFiles; only the ratios mean much):
// 128 MiB written at 228 MB/s (bare 243), read at 556 (640, without comparing
// checksums). Files of 100 KB, with the check of their length: one after the
// other 35 a second (33), eight at once 112 (37, with its one client).
package hdfsfs

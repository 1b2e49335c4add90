package launch

import _ "github.com/framebeam/framebeam/transforms/files/hdfsfs" // hdfs:// in every command and worker

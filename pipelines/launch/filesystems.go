package launch

import _ "github.com/framebeam/framebeam/transforms/hdfsfs" // hdfs:// in every command and worker

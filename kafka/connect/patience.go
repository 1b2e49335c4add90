package connect

import "time"

// DefaultPatience is how long a failing request is tried again by default: a
// leader election takes seconds, the restart of a broker minutes.
const DefaultPatience = 5 * time.Minute

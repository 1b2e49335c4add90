// Package crashpoint names the moments at which a test may kill the process, to
// prove that a restart leaves nothing lost and nothing doubled.
//
// In normal builds [At] does nothing. Built with the tag crashpoints, it kills
// the process with SIGKILL when the point that the environment variable
// FRAMEBEAM_CRASH names ("name:n") is reached for the n-th time, from 1.
package crashpoint

// Env is the environment variable that chooses the point.
const Env = "FRAMEBEAM_CRASH"

// Package pixels decodes frames safely into OpenCV Mats, and hands decoded
// frames from one stage of a process to the next.
//
// What comes off the network is decoded only after its header was checked (see
// [github.com/framebeam/framebeam/transforms/frame]); what OpenCV throws is
// caught at the boundary and never ends the process; and the same bytes always
// give the same pixels: OpenCV's threads are switched off ([SingleThreaded]),
// EXIF orientation is ignored, and what a damaged image leaves undecoded is
// black, not whatever the memory held before.
package pixels

// Package graph finds the edges of a large undirected graph, its connected components and
// the PageRank of its nodes, distributed, on every engine. It knows nothing of what the
// nodes are.
//
// A graph lies in a work folder, in [Config.Parts] parts by a hash of the node: a file for
// each part with its nodes and all edges of each ([Store]). [Near] finds edges between
// nodes that are alike without comparing all pairs. [Components] and [PageRank] are
// supersteps as in Pregel (G. Malewicz et al., Pregel: a system for large-scale graph
// processing, SIGMOD 2010), which GraphX has too: every part reads what the others sent,
// computes, and sends. A superstep is a GroupByKey in an ordinary bounded pipeline; a
// pipeline has [Config.Unroll] of them and leaves its state in the work folder, where the
// next one, or the next run after a crash, goes on.
//
// Everything is in whole numbers, and lists are sorted before they are used: the same
// graph gives the same bytes on every engine, with any number of workers, parts, and
// supersteps in a pipeline.
package graph

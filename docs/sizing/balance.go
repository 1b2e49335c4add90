package main

import (
	"fmt"
	"math"

	"github.com/segmentio/kafka-go"
)

// spread deals the cameras to partitions as the collector does, by murmur2 of the
// camera's id, and returns the partition of each. The ids are camera-00001 and so on.
func spread(cameras, partitions int) []int {
	balancer := kafka.Murmur2Balancer{Consistent: true}
	all := make([]int, partitions)
	for i := range all {
		all[i] = i
	}
	of := make([]int, cameras)
	for i := range of {
		of[i] = balancer.Balance(kafka.Message{Key: fmt.Appendf(nil, "camera-%05d", i+1)}, all...)
	}
	return of
}

// counts is how many cameras each partition has.
func counts(of []int, partitions int) []int {
	n := make([]int, partitions)
	for _, p := range of {
		n[p]++
	}
	return n
}

// expectedMax and expectedMin are the median of the most and the least cameras
// that a partition has when cameras fall on partitions at random, which is what
// a hash of unknown ids does: the count that all partitions stay within with
// probability one half, each being binomial and taken as independent.
func expectedMax(cameras, partitions int) int {
	if partitions == 1 {
		return cameras
	}
	below := 0.0 // probability of at most k
	for k := range cameras + 1 {
		below += binomial(cameras, k, 1/float64(partitions))
		if float64(partitions)*math.Log(below) >= -math.Ln2 {
			return k
		}
	}
	return cameras
}

func expectedMin(cameras, partitions int) int {
	if partitions == 1 {
		return cameras
	}
	below := 0.0
	for k := range cameras + 1 {
		below += binomial(cameras, k, 1/float64(partitions))
		if float64(partitions)*math.Log1p(-min(below, 1)) <= -math.Ln2 {
			return k
		}
	}
	return cameras
}

// binomial is the probability of k among n, each with probability p.
func binomial(n, k int, p float64) float64 {
	ln := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return math.Exp(ln(n) - ln(k) - ln(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

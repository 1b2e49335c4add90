package scene

// mix is the output function of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hash(seed, a, b uint64) uint64 { return mix(mix(mix(seed)^a) ^ b) }

// dice are a sequence of random numbers.
type dice uint64

// roll returns a number from least to most.
func (d *dice) roll(least, most int) int {
	*d = dice(mix(uint64(*d)))
	return least + int(uint64(*d)%uint64(most-least+1))
}

// noise is nearly normally distributed with the given standard deviation: the
// sum of four uniform bytes has one of 147.8.
func noise(random uint64, deviation int) int {
	sum := int(random&255) + int(random>>8&255) + int(random>>16&255) + int(random>>24&255)
	return (sum - 510) * deviation / 148
}

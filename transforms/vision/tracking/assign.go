package tracking

import "math"

// Assign pairs rows with columns so that the sum of the gains of the pairs is the
// greatest possible. gain holds the rows one after another, rows x columns; what is
// not above 0 is never paired (that is the gate). It returns the column of each
// row, -1 for none.
//
// It is the Hungarian method by shortest augmenting paths (R. Jonker and
// A. Volgenant, A shortest augmenting path algorithm for dense and sparse linear
// assignment problems, Computing 38, 1987), in O(n²m) for n rows or columns,
// whichever are fewer, and m of the others. Gains are whole numbers, so the
// optimum is exact; which one of several optima it is depends only on the order of
// rows and columns. The sum of the greatest gains of all rows must stay below 2^61.
func Assign(gain []int64, rows, columns int) []int {
	if len(gain) != rows*columns {
		panic("tracking: gains are not rows x columns")
	}
	if rows > columns {
		turned := make([]int64, len(gain))
		for i := range rows {
			for j := range columns {
				turned[j*rows+i] = gain[i*columns+j]
			}
		}
		of := unmatched(rows)
		for j, i := range Assign(turned, columns, rows) {
			if i >= 0 {
				of[i] = j
			}
		}
		return of
	}
	cost := func(i, j int) int64 { return -max(0, gain[i*columns+j]) }
	// Every row gets a column, since there are enough; a pair that costs 0 stands
	// for none. Dual prices u of rows and v of columns keep all reduced costs
	// cost-u-v at 0 or more, and at 0 for pairs. Column 0 is that of the row being
	// placed; real ones are counted from 1.
	u, v := make([]int64, rows), make([]int64, columns+1)
	owner := unmatched(columns + 1) // the row that has a column
	least := make([]int64, columns+1)
	from := make([]int, columns+1) // the column before it on the path
	done := make([]bool, columns+1)
	for i := range rows {
		for j := range least {
			least[j], done[j] = math.MaxInt64, false
		}
		owner[0] = i
		at := 0
		for owner[at] >= 0 {
			done[at] = true
			row, next, step := owner[at], 0, int64(math.MaxInt64)
			for j := 1; j <= columns; j++ {
				if done[j] {
					continue
				}
				if c := cost(row, j-1) - u[row] - v[j]; c < least[j] {
					least[j], from[j] = c, at
				}
				if least[j] < step {
					step, next = least[j], j
				}
			}
			for j := range done {
				if done[j] {
					u[owner[j]] += step
					v[j] -= step
				} else if least[j] != math.MaxInt64 {
					least[j] -= step
				}
			}
			at = next
		}
		for at != 0 {
			owner[at] = owner[from[at]]
			at = from[at]
		}
	}
	of := unmatched(rows)
	for j := 1; j <= columns; j++ {
		if i := owner[j]; i >= 0 && gain[i*columns+j-1] > 0 {
			of[i] = j - 1
		}
	}
	return of
}

func unmatched(n int) []int {
	of := make([]int, n)
	for i := range of {
		of[i] = -1
	}
	return of
}

// match pairs tracks with detections by the greatest sum of what their IoUs exceed
// the gate by. Where that leaves a choice, earlier tracks go with earlier detections.
func match(tracks, found int, iou func(i, j int) float64, gate float64) []int {
	floor := wholeIoU(gate) - 1
	gain := make([]int64, tracks*found)
	for i := range tracks {
		for j := range found {
			if g := wholeIoU(iou(i, j)) - floor; g > 0 {
				// The products add up to most when both are in the same order. They
				// stay below one step of an IoU: 100 tracks, 1000 detections.
				gain[i*found+j] = g<<tieBits + int64((tracks-i)*(found-j))
			}
		}
	}
	return Assign(gain, tracks, found)
}

// tieBits hold the sum of MaxTracks products of up to MaxTracks and MaxDetections.
const tieBits = 24

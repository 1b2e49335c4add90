package graph

import (
	"maps"
	"slices"
)

// Messages of one bundle to the same receiver travel together: what an engine does for an
// element costs more than what is in it.
const mostTogether = 2048

// outbox holds what is to be sent, by receiver. The zero outbox is empty.
type outbox[T any] struct{ to map[int64][]T }

// put keeps x for a receiver, and sends what there is for it when it is enough.
func (o *outbox[T]) put(to int64, x T, marshal func([]T) []byte, emit func(int64, []byte)) {
	if o.to == nil {
		o.to = map[int64][]T{}
	}
	all := append(o.to[to], x)
	if len(all) >= mostTogether {
		emit(to, marshal(all))
		all = all[:0]
	}
	o.to[to] = all
}

// flush sends everything and forgets it.
func (o *outbox[T]) flush(marshal func([]T) []byte, emit func(int64, []byte)) {
	for _, to := range slices.Sorted(maps.Keys(o.to)) {
		if len(o.to[to]) > 0 {
			emit(to, marshal(o.to[to]))
		}
	}
	o.to = nil
}

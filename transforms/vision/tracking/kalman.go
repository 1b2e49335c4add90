package tracking

import "math"

// filter is the Kalman filter of one track with the state of DeepSORT (N. Wojke,
// A. Bewley, D. Paulus, Simple Online and Realtime Tracking with a Deep
// Association Metric, ICIP 2017) and ByteTrack: the centre of the box, its aspect
// (width over height), its height, and the velocities of the four. As there, the
// standard deviations are in proportion to the height.
//
// Unlike there, time is in seconds, not in frames. The noise of the motion is that
// of a velocity which is a random walk in continuous time (Y. Bar-Shalom, X. R. Li,
// T. Kirubarajan, Estimation with Applications to Tracking and Navigation, 2001,
// section 6.2.2), so that one step of two seconds is the same as two of one second.
//
// All matrices of this model are zero outside of the four 2 x 2 blocks of a value
// and its velocity. So four filters of two numbers are the same as one of eight,
// and nothing needs to be inverted; a test compares.
type filter struct{ x, y, aspect, height axis }

// axis is one value, its velocity per second, and their covariance.
type axis struct{ at, speed, p00, p01, p11 float64 }

const (
	// heightJitter is the standard deviation of a measured height in those of a measured
	// centre. Both come of two edges: the centre is half of their sum, the height their
	// difference, which for independent errors makes 2. On public detections (ACF on
	// MOT15) it is 0.10 heights against 0.04 to 0.05.
	heightJitter = 2
	// aspectJitter and aspectAgility are of the aspect, which has no unit: the
	// standard deviation of a measurement (as in DeepSORT), and what agility is to
	// the others.
	aspectJitter  = 0.1
	aspectAgility = 0.1
	// firstSpeed is the standard deviation of a new track's velocity in heights per
	// second: DeepSORT's 10/160 heights per frame at 30 frames/s.
	firstSpeed       = 1.9
	firstAspectSpeed = 0.1

	// mostState and mostVariance bound what a state can hold, whatever is measured.
	mostState    = 1 << 30
	mostVariance = 1 << 60
	leastAspect  = 1.0 / (1 << 24)
)

// begin starts a filter at its first measurement.
func begin(b Box, jitter float64) filter {
	x, y, aspect := measured(b)
	first := func(at, noise, speed float64) axis {
		return axis{at: at, p00: float64(noise * noise), p11: float64(speed * speed)}
	}
	h := b.Height
	return filter{
		x:      first(x, jitter*h, firstSpeed*h),
		y:      first(y, jitter*h, firstSpeed*h),
		aspect: first(aspect, aspectJitter, firstAspectSpeed),
		height: first(h, heightJitter*jitter*h, firstSpeed*h),
	}
}

// measured is what the filter measures of a box beside its height.
func measured(b Box) (x, y, aspect float64) {
	return b.X + float64(b.Width/2), b.Y + float64(b.Height/2), b.Width / b.Height
}

// predict moves the state dt seconds ahead.
func (f *filter) predict(dt, agility float64) {
	a := agility * f.height.at
	q := float64(a * a)
	f.x.predict(dt, q)
	f.y.predict(dt, q)
	f.aspect.predict(dt, aspectAgility*aspectAgility)
	f.height.predict(dt, q)
	f.bound()
}

// update takes a measurement into the state.
func (f *filter) update(b Box, jitter float64) {
	x, y, aspect := measured(b)
	s := jitter * f.height.at
	r := float64(s * s)
	f.x.update(x, r)
	f.y.update(y, r)
	f.aspect.update(aspect, aspectJitter*aspectJitter)
	f.height.update(b.Height, heightJitter*heightJitter*r)
	f.bound()
}

// settle stops the change of shape: a box that is only guessed shall not grow.
func (f *filter) settle() { f.aspect.speed, f.height.speed = 0, 0 }

func (f *filter) axes() [4]*axis { return [4]*axis{&f.x, &f.y, &f.aspect, &f.height} }

// bound keeps the state one of a box.
func (f *filter) bound() {
	for _, a := range f.axes() {
		a.at = min(max(a.at, -mostState), mostState)
		a.speed = min(max(a.speed, -mostState), mostState)
		a.p00 = min(max(a.p00, 0), mostVariance)
		a.p01 = min(max(a.p01, -mostVariance), mostVariance)
		a.p11 = min(max(a.p11, 0), mostVariance)
	}
	f.height.at = max(f.height.at, leastSide)
	f.aspect.at = max(f.aspect.at, leastAspect)
}

// sound reports whether the state is one that bound leaves as it is.
func (f *filter) sound() bool {
	g := *f
	for _, a := range g.axes() {
		if math.IsNaN(a.at + a.speed + a.p00 + a.p01 + a.p11) {
			return false
		}
	}
	g.bound()
	return g == *f
}

func (f *filter) box() Box {
	w, h := f.aspect.at*f.height.at, f.height.at
	return Box{X: f.x.at - float64(w/2), Y: f.y.at - float64(h/2), Width: w, Height: h}
}

// predict is x = Fx, P = FPF' + Q, where q is the spectral density of the noise.
func (a *axis) predict(dt, q float64) {
	dt2 := float64(dt * dt)
	a.at += float64(a.speed * dt)
	a.p00 += float64(2*dt*a.p01) + float64(dt2*a.p11) + float64(q*dt2*dt/3)
	a.p01 += float64(dt*a.p11) + float64(q*dt2/2)
	a.p11 += float64(q * dt)
}

// update is x = x + Ky, P = (I - KH)P for a measurement z of variance r.
func (a *axis) update(z, r float64) {
	s := a.p00 + r
	k0, k1 := a.p00/s, a.p01/s
	y := z - a.at
	a.at += float64(k0 * y)
	a.speed += float64(k1 * y)
	a.p11 -= float64(k1 * a.p01)
	a.p01 -= float64(k0 * a.p01)
	a.p00 -= float64(k0 * a.p00)
}

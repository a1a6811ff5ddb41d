package vision

// axis is one number of a box (a place or a size) that changes at a nearly
// constant velocity: a Kalman filter of two states (Bar-Shalom et al.,
// "Estimation with Applications to Tracking and Navigation", 2001, 6.2), in
// picture units and seconds.
type axis struct {
	pos, vel   float64
	pp, pv, vv float64 // covariance
}

// firstSeen is an axis of which one measurement is known: sd is its standard
// deviation, and speed that of what its velocity may be.
func firstSeen(pos, sd, speed float64) axis { return axis{pos: pos, pp: sd * sd, vv: speed * speed} }

// advance lets dt seconds go by, in which the velocity wanders by accel a
// second and a square root of a second.
func (a *axis) advance(dt, accel float64) {
	q := accel * accel
	a.pos += a.vel * dt
	a.pp += 2*dt*a.pv + dt*dt*a.vv + q*dt*dt*dt/3
	a.pv += dt*a.vv + q*dt*dt/2
	a.vv += q * dt
}

// correct takes a measurement with the standard deviation sd.
func (a *axis) correct(pos, sd float64) {
	s := a.pp + sd*sd
	if s <= 0 {
		a.pos = pos
		return
	}
	k, kv, off := a.pp/s, a.pv/s, pos-a.pos
	a.pos += k * off
	a.vel += kv * off
	a.vv -= kv * a.pv
	a.pv *= 1 - k
	a.pp *= 1 - k
}

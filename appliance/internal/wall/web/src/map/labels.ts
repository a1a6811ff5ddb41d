// Where the names on the map stand, so that none lies over another: each takes
// the first of its sides that is free, the most important first. A place's name
// gives way, and an incident's that is no P0: its symbol says how urgent it is,
// and the list what it is. A device's never does, since a point without a name
// is of no use.
// Pixels, from the left upper corner.
export type Side = 'right' | 'left' | 'above' | 'below' | 'over' // over: to the right, above the devices' names

export interface Label {
  key: string
  x: number // of its point
  y: number
  w: number // of its text
  h: number
  rank: number // the higher, the sooner it is placed
  sides: readonly Side[]
  symbol: boolean // a drawing stands at the point
  yields: boolean // may be left out
}

const half = 10 // of a symbol

interface Rect { x: number; y: number; w: number; h: number }

function rectOf({ x, y, w, h }: Label, side: Side): Rect {
  switch (side) {
    case 'right': return { x: x + half, y: y - h / 2, w, h }
    case 'left': return { x: x - half - w, y: y - h / 2, w, h }
    case 'above': return { x: x - w / 2, y: y - half - h, w, h }
    case 'below': return { x: x - w / 2, y: y + half, w, h }
    case 'over': return { x: x + half, y: y - h * 1.5, w, h }
  }
}

const meet = (a: Rect, b: Rect) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

// arrange gives each label its side; undefined: it is left out.
export function arrange(labels: readonly Label[]): Map<string, Side | undefined> {
  const taken = new Map<string, Rect[]>(labels.filter((one) => one.symbol).map((one) => [one.key, [{ x: one.x - half, y: one.y - half, w: 2 * half, h: 2 * half }]]))
  const sides = new Map<string, Side | undefined>()
  const order = [...labels].sort((a, b) => b.rank - a.rank || a.key.localeCompare(b.key))
  for (const label of order) {
    const others = [...taken].flatMap(([key, rects]) => (key === label.key ? [] : rects))
    const free = label.sides.find((side) => !others.some((rect) => meet(rect, rectOf(label, side))))
    const side = free ?? (label.yields ? undefined : label.sides[0])
    sides.set(label.key, side)
    if (side) taken.set(label.key, [...(taken.get(label.key) ?? []), rectOf(label, side)])
  }
  return sides
}

// One shape for each priority, on a 20 grid: the list, the map and the wall show
// the same, so that colour is never alone.
export const priorityShapes: Readonly<Record<string, string>> = {
  P0: 'M6 1h8l5 5v8l-5 5H6l-5-5V6z',
  P1: 'M10 1l9.5 17H.5z',
  P2: 'M10 .5L19.5 10 10 19.5.5 10z',
  P3: 'M10 1a9 9 0 100 18 9 9 0 000-18z',
}

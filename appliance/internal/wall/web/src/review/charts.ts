// What the charts draw, as ECharts' options. Colours are the tokens' of where
// they are drawn; a second series is lighter and named, never colour alone.
import type { EChartsCoreOption } from 'echarts/core'

export interface Palette {
  font: string
  text: string
  faint: string
  line: string
  surface: string
  now: string
  before: string
  late: string
}

export type Drawing = (palette: Palette) => EChartsCoreOption

export function paletteOf(element: Element): Palette {
  const styles = getComputedStyle(element)
  const token = (name: string) => styles.getPropertyValue(name).trim()
  return {
    font: token('--font'), text: token('--text-2'), faint: token('--text-3'), line: token('--line'), surface: token('--surface'),
    now: token('--accent'), before: token('--line-strong'), late: token('--p1'),
  }
}

export interface Bars {
  labels: string[]
  series: { name: string; values: (number | undefined)[]; before?: boolean; pale?: boolean; late?: (index: number) => boolean }[]
  lying?: boolean // names are long: bars run to the right
  word?: (value: number) => string
}

const text = (p: Palette) => ({ color: p.text, fontFamily: p.font, fontSize: 12 })
const hint = (p: Palette) => ({
  renderMode: 'richText' as const, confine: true, backgroundColor: p.surface, borderColor: p.before, textStyle: { ...text(p), fontSize: 13 },
})

export const bars = ({ labels, series, lying = false, word = String }: Bars): Drawing => (p) => {
  const names = {
    type: 'category' as const, data: labels, inverse: lying, axisTick: { show: false }, axisLine: { lineStyle: { color: p.line } },
    axisLabel: { ...text(p), ...(lying ? { width: 110, overflow: 'truncate' as const } : { hideOverlap: true }) },
  }
  const values = {
    type: 'value' as const, minInterval: 1, splitNumber: 4, axisLabel: { ...text(p), color: p.faint, hideOverlap: true, formatter: word }, splitLine: { lineStyle: { color: p.line } },
  }
  const many = series.length > 1
  return {
    textStyle: text(p),
    grid: { left: 4, right: lying ? 44 : 8, top: many ? 30 : 12, bottom: 4, containLabel: true },
    legend: many ? { top: 0, right: 0, textStyle: text(p), itemWidth: 14, itemHeight: 10, selectedMode: false } : undefined,
    tooltip: { ...hint(p), trigger: 'axis', axisPointer: { type: 'shadow' }, valueFormatter: (value: unknown) => (typeof value === 'number' ? word(value) : '–') },
    xAxis: lying ? values : names,
    yAxis: lying ? names : values,
    series: series.map((one) => ({
      type: 'bar', name: one.name, data: one.values.map((value, index) => ({ value: value ?? null, itemStyle: one.late?.(index) ? { color: p.late } : undefined })), barMaxWidth: 22, barGap: '10%', cursor: 'default',
      itemStyle: { color: one.before ? p.before : p.now, opacity: one.pale ? 0.55 : 1 },
      label: lying && !one.before ? { show: true, position: 'right', ...text(p), formatter: ({ value }: { value: unknown }) => (typeof value === 'number' ? word(value) : '') } : undefined,
    })),
  }
}

// matrix is one square for each day of the week and hour.
export const matrix = (days: string[], counts: number[][]): Drawing => (p) => {
  const most = Math.max(1, ...counts.flat())
  const axis = { type: 'category' as const, axisTick: { show: false }, axisLine: { show: false }, axisLabel: text(p), splitArea: { show: false } }
  return {
    textStyle: text(p),
    grid: { left: 4, right: 8, top: 8, bottom: 34, containLabel: true },
    tooltip: { ...hint(p), formatter: ({ value }: { value: [number, number, number] }) => `${days[value[1]]} ${String(value[0]).padStart(2, '0')}:00  ${value[2]}` },
    xAxis: { ...axis, data: Array.from({ length: 24 }, (_, hour) => String(hour)) },
    yAxis: { ...axis, data: days, inverse: true },
    visualMap: { min: 0, max: most, calculable: false, orient: 'horizontal', left: 'center', bottom: 0, itemWidth: 10, itemHeight: 120, textStyle: text(p), text: [String(most), '0'], inRange: { color: [p.surface, p.now] } },
    series: [{ type: 'heatmap', data: counts.flatMap((row, day) => row.map((n, hour) => [hour, day, n])), itemStyle: { borderColor: p.line, borderWidth: 1 }, cursor: 'default' }],
  }
}

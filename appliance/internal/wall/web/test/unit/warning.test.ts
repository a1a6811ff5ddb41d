import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import zhCN from '../../src/app/locales/zh-CN.json'
import { warningKey } from '../../src/device/warning'

// What the box may warn of, as its source says.
const folder = join(__dirname, '../../../../station')
const source = readdirSync(folder).filter((f) => f.endsWith('.go') && !f.endsWith('_test.go')).map((f) => readFileSync(join(folder, f), 'utf8')).join('\n')
const codes = [...source.matchAll(/\{ID: "(\w+)", Title:/g)].map((m) => m[1]!)
const findings = [...source.matchAll(/health\.Finding\{+Code: "(\w+)"(.*)/g)].map((m) => ({ code: m[1]!, other: /said\("case", "(\w+)"/.exec(m[2]!)?.[1] }))
const texts: Record<string, string> = zhCN.warningText
const titles: Record<string, string> = zhCN.warning

describe('warnings', () => {
  it('have a title and a text for every code of the box', () => {
    expect(codes.length).toBeGreaterThan(30)
    expect(codes.filter((code) => !titles[code])).toEqual([])
    expect(codes.filter((code) => !texts[code])).toEqual([])
  })

  it('have a text for every case of a code', () => {
    const cased = findings.filter((f) => f.other)
    expect(cased.length).toBeGreaterThan(1)
    expect(cased.filter((f) => !texts[`${f.code}_${f.other}`])).toEqual([])
  })

  it('say only what the box tells', () => {
    const told = new Set([...source.matchAll(/said\((.*)\)\}/g)].flatMap((m) => [...m[1]!.matchAll(/"(\w+)", /g)].map((p) => p[1]!)))
    for (const name of source.matchAll(/said\("(\w+)"|, "(\w+)", /g)) told.add(name[1] ?? name[2]!)
    const slots = Object.values(texts).flatMap((text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!))
    expect(slots.filter((slot) => !told.has(slot))).toEqual([])
  })

  it('are told apart by case', () => {
    expect(warningKey({ code: 'certificate_old', params: { case: 'untaken' } })).toBe('warningText.certificate_old_untaken')
    expect(warningKey({ code: 'camera_lost' })).toBe('warningText.camera_lost')
  })
})

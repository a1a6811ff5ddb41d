import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import en from '../../src/app/locales/en.json'
import zhCN from '../../src/app/locales/zh-CN.json'
import openapi from '../../../openapi.json'

type Tree = { [key: string]: string | Tree }

function flat(tree: Tree, prefix = ''): Map<string, string> {
  const all = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') all.set(prefix + key, value)
    else for (const [inner, text] of flat(value, `${prefix}${key}.`)) all.set(inner, text)
  }
  return all
}

const zh = flat(zhCN as Tree)
const english = flat(en as Tree)
// A text that counts has two forms, for one and for many, with the same slots.
const slots = (text: string) => [...new Set([...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]))].sort()

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.(vue|ts)$/.test(entry.name) && !entry.name.endsWith('.gen.ts') ? [readFileSync(path, 'utf8')] : []
  })
}

describe('languages', () => {
  it('have the same keys', () => expect([...english.keys()].sort()).toEqual([...zh.keys()].sort()))

  it('fill the same slots', () => {
    const different = [...zh].filter(([key, text]) => slots(text).join() !== slots(english.get(key) ?? '').join()).map(([key]) => key)
    expect(different).toEqual([])
  })

  it('count in English in the singular too, in Chinese in one form', () => {
    const { t } = createI18n({ legacy: false, locale: 'en', messages: { en } }).global
    expect(t('handover.times', { n: 1, length: '5 s' }, 1)).toBe('1 time, 5 s in all')
    expect(t('handover.times', { n: 2, length: '5 s' }, 2)).toBe('2 times, 5 s in all')
    expect(t('dispatch.busy', { n: 0 }, 0)).toBe('0 orders')
    expect([...zh].filter(([, text]) => text.includes('|'))).toEqual([])
    expect([...english].filter(([, text]) => text.includes('|') && (text.split(' | ').length !== 2 || !slots(text).includes('n')))).toEqual([])
    const things = 'alarms|cameras|claims|days|events|findings|incidents|orders|pictures|points|positions|recordings|replies|rounds|steps|stills|times|weeks'
    const counts = new RegExp(`\\{\\w+\\} (\\w+ )?(${things})\\b`)
    expect([...english].filter(([, text]) => counts.test(text) && !text.includes(' | '))).toEqual([])
  })

  it('leave nothing empty', () => expect([...zh, ...english].filter(([, text]) => text.trim() === '')).toEqual([]))

  it('know every key that the pages name', () => {
    const used = sources(join(__dirname, '../../src')).flatMap((text) => [...text.matchAll(/\bt\(\s*'([\w.]+)'/g)].map((m) => m[1]!))
    expect(used.length).toBeGreaterThan(50)
    expect(used.filter((key) => !zh.has(key))).toEqual([])
  })

  it('know every problem code that the API may answer', () => {
    const codes = openapi.components.schemas.Problem.description.replace(/.*Codes: /s, '').split(/,\s*/)
    expect(codes.length).toBeGreaterThan(20)
    expect(codes.filter((code) => !zh.has(`problem.${code.trim()}.what`))).toEqual([])
  })
})

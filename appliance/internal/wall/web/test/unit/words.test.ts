import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
const slots = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

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

// Puts the box's words of the audit into the user's. They are few, and come
// from the box alone; what is not known is shown as it came. The rules are the
// box's too (tongue.go), for tables.
import rules from './auditRules.json'

export interface Told {
  key: string
  values: Record<string, string>
}

function find(list: readonly string[][], text: string): Told | undefined {
  for (const [pattern, key] of list) {
    const match = new RegExp(pattern!).exec(text)
    if (match) return { key: `auditWhy.${key}`, values: { a: match[1] ?? '', b: match[2] ?? '', c: match[3] ?? '', d: match[4] ?? '' } }
  }
  return undefined
}

// auditWords finds the key of a text and what stands in it.
export const auditWords = (text: string): Told | undefined => find(rules.texts, text)

// auditChanges are the parts of what was changed of a user.
export const auditChanges = (text: string): (Told | string)[] => text.split(', ').map((part) => find(rules.changes, part) ?? part)

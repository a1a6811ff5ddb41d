// Puts the box's words of the audit into the user's. They are few, and come
// from the box alone; what is not known is shown as it came.
const patterns: [RegExp, string][] = [
  [/^live$/, 'live'],
  [/^picture$/, 'picture'],
  [/^snapshot /, 'snapshot'],
  [/^recording (\S+)\/(\S+)$/, 'recording'],
  [/^clip (\S+)$/, 'clip'],
  [/^original of clip (\S+)$/, 'original'],
  [/^evidence of incidents\/(\S+?): (.*)$/s, 'evidence'],
  [/^audit as (\w+)$/, 'audit'],
  [/^unauthenticated$/, 'stranger'],
  [/^password$/, 'password'],
  [/^unknown user$/, 'unknownUser'],
  [/^disabled user$/, 'disabledUser'],
  [/^login_limited (.*)$/, 'limited'],
  [/^token_refused/, 'tokenRefused'],
  [/^setup_refused/, 'setupRefused'],
  [/^origin_refused (.*)$/, 'originRefused'],
  [/^(?:forbidden|camera_forbidden|session_locked|tls_only) (.*)$/, 'forbidden'],
  [/^made (\S+), role \w+, with the set-up link$/, 'madeFirst'],
  [/^made (\S+) \((\w+)\), role (\w+), until (\S+)$/, 'madeToken'],
  [/^revoked (\S+) \((\w+)\)$/, 'revokedToken'],
  [/^made (\S+), role (\w+)/, 'madeUser'],
  [/^changed his own password$/, 'ownPassword'],
  [/^changed (\S+): (.*)$/, 'changedUser'],
  [/^ended all sessions of (\S+)$/, 'endedSessions'],
  [/^asked by (\S+), refused by (\S+): (\w+) (\S+): .*$/s, 'refusedBy'],
  [/^for one word, at the desk of (\S+)$/, 'oneWord'],
  [/^asked by (\S+), approved by (\S+): (\w+) (\S+): .*$/s, 'approved'],
  [/^(unmask|release_hold|erase) (\S+): (.*) \(\w+\)$/s, 'requested'],
  [/^the box ended first/, 'boxEnded'],
]

// auditWords finds the key of a text and what stands in it.
export function auditWords(text: string): { key: string; values: Record<string, string> } | undefined {
  for (const [pattern, key] of patterns) {
    const match = pattern.exec(text)
    if (match) return { key: `auditWhy.${key}`, values: { a: match[1] ?? '', b: match[2] ?? '', c: match[3] ?? '', d: match[4] ?? '' } }
  }
  return undefined
}

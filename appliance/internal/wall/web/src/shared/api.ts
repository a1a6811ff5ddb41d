// One way to ask the box. Every failure is an ApiError with a Problem: either
// what the box said, or `unreachable` when it said nothing.
import type { Problem } from './types'

export const apiBase = '/api/v1'

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title)
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem
  return problem('internal', 0, String(error))
}

export function problem(code: string, status: number, detail: string): Problem {
  return { type: 'about:blank', code, title: code, status, detail }
}

// crypto.randomUUID exists in secure contexts only; the wall may be plain HTTP
// behind a proxy.
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}

export interface CallOptions {
  body?: unknown
  key?: string // Idempotency-Key: the same for every try of one intent
  timeoutMs?: number
  signal?: AbortSignal
}

const defaultTimeoutMs = 10_000

// What to do when the box says that this desk is locked.
let locked = () => {}
export function onLocked(what: () => void) {
  locked = what
}

export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  if (options.key) headers['Idempotency-Key'] = options.key
  const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs)
  let response: Response
  try {
    response = await fetch(apiBase + path, {
      method,
      headers,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    })
  } catch (error) {
    throw new ApiError(problem('unreachable', 0, String(error)))
  }
  if (response.status === 423) locked()
  if (!response.ok) throw new ApiError(await readProblem(response))
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}

// probe asks whether a GET would be answered, without its answer.
export async function probe(path: string): Promise<void> {
  let response: Response
  try {
    response = await fetch(apiBase + path, { method: 'HEAD', credentials: 'same-origin', cache: 'no-store', signal: AbortSignal.timeout(defaultTimeoutMs) })
  } catch (error) {
    throw new ApiError(problem('unreachable', 0, String(error)))
  }
  if (!response.ok) throw new ApiError(await readProblem(response))
}

// An answer that is not problem+json comes from something between us and the box.
export async function readProblem(response: Response): Promise<Problem> {
  const type = response.headers.get('Content-Type') ?? ''
  if (type.includes('json')) {
    try {
      const said = (await response.json()) as Partial<Problem>
      if (said.code) return { ...problem(said.code, response.status, ''), ...said }
    } catch {
      // Falls through: a broken body says no more than its status.
    }
  }
  const code = response.status === 401 ? 'unauthenticated' : response.status === 403 ? 'forbidden' : 'internal'
  return problem(code, response.status, `${response.status} ${response.statusText}`)
}

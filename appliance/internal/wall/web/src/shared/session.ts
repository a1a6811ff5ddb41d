// Who sits here. The cookie is the session; this only remembers its answer.
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { ApiError, call } from './api'
import type { Session } from './types'

export const useSession = defineStore('session', () => {
  const session = shallowRef<Session>()
  const asked = shallowRef(false)

  // ask gives undefined when nobody is logged in, and throws when the box is silent.
  async function ask(): Promise<Session | undefined> {
    try {
      session.value = await call<Session>('GET', '/session')
    } catch (error) {
      if (!(error instanceof ApiError) || error.problem.status !== 401) throw error
      session.value = undefined
    }
    asked.value = true
    return session.value
  }

  async function logIn(name: string, password: string) {
    session.value = await call<Session>('POST', '/session', { body: { name, password } })
    asked.value = true
  }

  async function logOut() {
    await call('DELETE', '/session')
    session.value = undefined
  }

  function forget() {
    session.value = undefined
  }

  return { session, asked, ask, logIn, logOut, forget }
})

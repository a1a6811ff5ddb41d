// Who sits here. The cookie is the session; this only remembers its answer.
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { ApiError, call, onLocked } from './api'
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

  // exchange gives a screen a cookie for its token.
  async function exchange(token: string) {
    session.value = await call<Session>('POST', '/session', { body: { token } })
    asked.value = true
  }

  async function setUp(secret: string, name: string, password: string) {
    session.value = await call<Session>('POST', '/setup', { body: { secret, name, password } })
    asked.value = true
  }

  async function changePassword(password: string, newPassword: string) {
    session.value = await call<Session>('POST', '/session/password', { body: { password, new_password: newPassword } })
  }

  // A locked desk keeps everything on its pages; the box takes nothing from it
  // but what a screen may. Other tabs of this browser are the same desk.
  async function lock() {
    session.value = await call<Session>('POST', '/session/lock')
    tabs.postMessage('locked')
  }

  async function unlock(password: string) {
    session.value = await call<Session>('POST', '/session/unlock', { body: { password } })
    tabs.postMessage('unlocked')
  }

  const tabs = new BroadcastChannel('watchpost.desk')
  tabs.onmessage = () => void ask().catch(() => undefined) // a silent box locks nothing; it says so when it is asked next
  onLocked(() => void ask().catch(() => undefined))

  async function logOut() {
    await call('DELETE', '/session')
    session.value = undefined
  }

  function forget() {
    session.value = undefined
  }

  return { session, asked, ask, logIn, logOut, exchange, setUp, changePassword, lock, unlock, forget }
})

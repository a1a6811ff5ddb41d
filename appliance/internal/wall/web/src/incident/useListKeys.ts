import { nextTick, useTemplateRef, type Ref } from 'vue'
import { useRouter } from 'vue-router'
import { useKeys } from './useKeys'

// useListKeys walks a list by keys: the rows, where the chosen one is (-1:
// nowhere), and the route that shows one. The template names the search field and
// the list by ref="search" and ref="list". It returns what chooses a row.
export function useListKeys<T>(rows: Readonly<Ref<T[]>>, position: () => number, route: (row: T) => { name: string; params: { id: string } }) {
  const router = useRouter()
  const search = useTemplateRef<HTMLInputElement>('search')
  const list = useTemplateRef<HTMLElement>('list')

  function choose(row: T | undefined) {
    if (!row) return
    void router.replace(route(row))
    void nextTick(() => list.value?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest' }))
  }
  function move(by: number) {
    const from = position()
    choose(rows.value[from < 0 ? 0 : Math.min(Math.max(from + by, 0), rows.value.length - 1)])
  }
  useKeys({
    next: () => move(1),
    previous: () => move(-1),
    filter: () => search.value?.focus(),
    leave: () => search.value?.blur(),
  })
  return choose
}

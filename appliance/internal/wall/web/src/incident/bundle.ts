// The signed bundle of an incident, as the browser fetches it.
import { apiBase } from '@/shared/api'

export const bundlePath = (incident: string, query: Record<string, string>) =>
  `/incidents/${encodeURIComponent(incident)}/evidence.zip?${new URLSearchParams(query)}`

export function download(path: string) {
  Object.assign(document.createElement('a'), { href: apiBase + path, download: '' }).click()
}

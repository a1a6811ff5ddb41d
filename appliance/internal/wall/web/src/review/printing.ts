// Whether the page is being printed: charts are then drawn for paper.
import { ref } from 'vue'

export const printing = ref(false)
window.addEventListener('beforeprint', () => (printing.value = true))
window.addEventListener('afterprint', () => (printing.value = false))

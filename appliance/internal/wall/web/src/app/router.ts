import { createRouter, createWebHistory } from 'vue-router'
import { useSession } from '@/shared/session'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', name: 'login', component: () => import('@/pages/LoginPage.vue'), meta: { open: true } },
    { path: '/setup', name: 'setup', component: () => import('@/pages/SetupPage.vue'), meta: { open: true } },
    { path: '/wall', name: 'wall', component: () => import('@/pages/WallPage.vue') },
    {
      path: '/',
      component: () => import('./OperatorShell.vue'),
      children: [
        { path: '', name: 'incidents', component: () => import('@/pages/IncidentsPage.vue') },
        { path: 'incidents/:id', name: 'incident', component: () => import('@/pages/IncidentsPage.vue') },
        { path: 'tasks', name: 'tasks', component: () => import('@/pages/TasksPage.vue') },
        { path: 'tasks/:id', name: 'task', component: () => import('@/pages/TasksPage.vue') },
        { path: 'cameras', name: 'cameras', component: () => import('@/pages/CamerasPage.vue') },
        { path: 'cameras/:id', name: 'camera', component: () => import('@/pages/CameraPage.vue') },
        { path: 'playback', name: 'playback', component: () => import('@/pages/PlaybackPage.vue') },
        { path: 'map', name: 'map', component: () => import('@/pages/MapPage.vue') },
        { path: 'review', name: 'review', component: () => import('@/pages/ReviewPage.vue') },
        { path: 'review/people', name: 'reviewPeople', component: () => import('@/pages/ReviewPeoplePage.vue'), meta: { under: 'review' } },
        { path: 'devices', name: 'devices', component: () => import('@/pages/DevicesPage.vue') },
        { path: 'blind', name: 'blind', component: () => import('@/pages/BlindPage.vue'), meta: { under: 'devices' } },
        {
          path: 'duty', name: 'duty', component: () => import('@/pages/DutyPage.vue'), redirect: { name: 'forces' }, meta: { under: 'duty' },
          children: [ // the tabs of DutyPage.vue, each by its name
            { path: 'forces', name: 'forces', component: () => import('@/pages/ForcesPage.vue') },
            { path: 'routing', name: 'routing', component: () => import('@/pages/RoutingPage.vue') },
            { path: 'patrol', name: 'patrol', component: () => import('@/pages/PatrolPage.vue') },
            { path: 'drills', name: 'drills', component: () => import('@/pages/DrillsPage.vue') },
            { path: 'handover', name: 'handover', component: () => import('@/pages/HandoverPage.vue') },
            { path: 'handover/:id', name: 'handover-former', component: () => import('@/pages/HandoverPage.vue'), meta: { tab: 'handover' } },
          ],
        },
        { path: 'holds', name: 'holds', component: () => import('@/pages/HoldsPage.vue') },
        { path: 'audit', name: 'audit', component: () => import('@/pages/AuditPage.vue') },
        { path: 'people', name: 'people', component: () => import('@/pages/PeoplePage.vue') },
      ],
    },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

// A silent box is not a reason to ask for a password: the page opens and says
// that the box is silent.
router.beforeEach(async (to) => {
  if (to.meta.open) return true
  const session = useSession()
  if (session.asked && session.session) return true
  try {
    if (await session.ask()) return true
  } catch {
    return true
  }
  return { name: 'login', query: { to: to.fullPath } }
})

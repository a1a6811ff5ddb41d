// The API's resources under short names. api.gen.ts is made from
// ../openapi.json by `npm run gen`; nothing here is written by hand twice.
import type { components } from './api.gen'

type Schemas = components['schemas']
export type Alert = Schemas['Alert']
export type Camera = Schemas['Camera']
export type CameraState = Schemas['CameraState']
export type Clip = Schemas['Clip']
export type Device = Schemas['Device']
export type Drone = Schemas['Drone']
export type Health = Schemas['Health']
export type Incident = Schemas['Incident']
export type IncidentAnswer = Schemas['IncidentAnswer']
export type Me = Schemas['Me']
export type Pillar = Schemas['Pillar']
export type Place = Schemas['Place']
export type Position = Schemas['Position']
export type Priority = Schemas['Priority']
export type Problem = Schemas['Problem']
export type Report = Schemas['Report']
export type Room = Schemas['Room']
export type Session = Schemas['Session']
export type State = Schemas['State']
export type Station = Schemas['Station']
export type Step = Schemas['Step']
export type Telemetry = Schemas['Telemetry']
export type Track = Schemas['Track']
export type Uplink = Schemas['Uplink']
export type Warning = Schemas['Warning']
export type Result = NonNullable<Schemas['Action']['result']>
export type Verb = 'claim' | 'acknowledge' | 'close' | 'reopen' | 'note'

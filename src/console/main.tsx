// Must be the first import.
import './session/arrival-token.ts'
// The page loads this module first, as a separate script, which does not use a token in the address.
import './session/early.ts'
import './common.ts'
import { render } from 'preact'
import * as z from 'zod/mini'
import { App } from './app.tsx'
import { startNotifications } from './notify/later.ts'
import { startSession } from './session/session.ts'
import './style/base.css'

// The content security policy forbids code that is made from text.
z.config({ jitless: true })

startSession()
startNotifications().catch(() => {})
render(<App />, document.getElementById('app')!)

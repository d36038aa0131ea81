// Small modules that several pages share. As part of the first script, they cost less than separate requests.
import '../client/reveal-hidden.ts'
import './agent/command-ids.ts'
import './agent/foreseen.ts'
import './agent/permission-modes.ts'
import './agent/prompt-field.tsx'
import './agent/read-image.ts'
import './parts/use-sending.tsx'
import './parts/worker-url.ts'

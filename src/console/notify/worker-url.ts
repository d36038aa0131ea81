/** The part of the API of trusted types that is needed. Older browsers lack it. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(text: string): string }
}

/** Address of the worker, next to the page. */
const ADDRESS = 'worker.js'

const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes }

/**
 * The only policy that the content security policy permits. It permits a single address, so no text can become
 * code of the page.
 */
const policy = trustedTypes?.createPolicy('fomular-worker', { createScriptURL: () => ADDRESS })

/** The address of the worker, in the form that `register` accepts. */
export const WORKER_URL = policy?.createScriptURL(ADDRESS) ?? ADDRESS

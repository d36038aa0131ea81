import { USER_ROLES, type UserRole } from '../../protocol/index.ts'

export const isUserRole = (role: string | undefined): role is UserRole =>
  USER_ROLES.some((each) => each === role)

/** Reports whether a key with role `has` may make requests that need role `needs`. */
export const covers = (has: UserRole, needs: UserRole) => USER_ROLES.indexOf(has) >= USER_ROLES.indexOf(needs)

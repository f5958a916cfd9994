-- name: user_of(person)^
-- Somebody's account, whole; only the sign-in reads the password's hash.
SELECT person, name, role, active, password, second_factor, pending_factor, last_code
FROM user_account
WHERE person = :person;

-- name: all_users()
-- Everybody, without anything secret.
SELECT person, name, role, active, password IS NOT NULL AS has_password,
       second_factor IS NOT NULL AS has_second_factor
FROM user_account
ORDER BY person;

-- name: add_user(person, name, role, created_by)^
-- Make an account that has no way in yet; no row when the id is taken.
INSERT INTO user_account (person, name, role, created_by)
VALUES (:person, :name, :role, :created_by)
ON CONFLICT (person) DO NOTHING
RETURNING person;

-- name: name_agent(person, name, active)!
-- Whoever takes calls stands in the list of agents under the same id.
INSERT INTO agent (agent_id, display_name, active)
VALUES (:person, :name, :active)
ON CONFLICT (agent_id) DO UPDATE SET
    display_name = excluded.display_name, active = excluded.active;

-- name: change_user(person, name, role, active)^
-- Change what an administrator may change; NULL leaves it as it is.
UPDATE user_account
SET name = coalesce(:name, name), role = coalesce(:role, role),
    active = coalesce(:active, active), changed_at = now()
WHERE person = :person
RETURNING person, name, role, active;

-- name: set_password(person, password)!
-- Replace a password's hash.
UPDATE user_account SET password = :password, changed_at = now() WHERE person = :person;

-- name: offer_factor(person, secret)!
-- Keep a second factor until a first code proves that the person holds it.
UPDATE user_account SET pending_factor = :secret WHERE person = :person;

-- name: take_factor(person, step)!
-- The pending second factor is in force from the code that proved it.
UPDATE user_account
SET second_factor = pending_factor, pending_factor = NULL, last_code = :step, changed_at = now()
WHERE person = :person AND pending_factor IS NOT NULL;

-- name: drop_factor(person)!
-- Somebody lost his second factor: he sets up another when he next comes in.
UPDATE user_account
SET second_factor = NULL, pending_factor = NULL, changed_at = now()
WHERE person = :person;

-- name: spend_code(person, step)!
-- Take a code once; nothing is updated when it, or a later one, was taken before.
UPDATE user_account SET last_code = :step WHERE person = :person AND last_code < :step;

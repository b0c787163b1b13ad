"""Alembic's entry point.

It migrates over the connection of ``keter.ledger.migrate``, inside its transaction.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()

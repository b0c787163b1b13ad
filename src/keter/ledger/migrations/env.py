"""Alembic's entry: migrates over the connection, and inside the transaction, that
``keter.ledger.migrate`` hands over.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()

"""Second factors, how a session was proven, and the address that a change of e-mail is for."""

import config.kernel.ids
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from config.kernel.walls import grant


class Migration(migrations.Migration):

    dependencies = [
        ('users', '0003_narrow_rights'),
    ]

    operations = [
        migrations.CreateModel(
            name='Authenticator',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='authenticator', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('secret', models.BinaryField()),
                ('last_step', models.BigIntegerField(default=0)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='onetimetoken',
            name='email',
            field=models.EmailField(max_length=254, null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='amr',
            field=models.CharField(db_default='pwd', max_length=64),
        ),
        migrations.AddField(
            model_name='session',
            name='authenticated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='onetimetoken',
            name='purpose',
            field=models.CharField(choices=[('verify_email', 'Verify Email'), ('reset_password', 'Reset Password'), ('change_email', 'Change Email')], max_length=32),
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.UUIDField(default=config.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('code_hash', models.BinaryField(max_length=32, unique=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='SignInChallenge',
            fields=[
                ('id', models.UUIDField(default=config.kernel.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('token_hash', models.BinaryField(max_length=32, unique=True)),
                ('token_version', models.PositiveIntegerField()),
                ('amr', models.CharField(max_length=64)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        grant("users_authenticator", "SELECT, INSERT, UPDATE, DELETE"),
        grant("users_recoverycode", "SELECT, INSERT, UPDATE, DELETE"),
        grant("users_signinchallenge", "SELECT, INSERT, UPDATE, DELETE"),
        grant("users_session", "UPDATE (amr, authenticated_at)"),
    ]
